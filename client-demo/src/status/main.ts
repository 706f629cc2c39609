import { Feed } from "./feed";
import { StatusPage } from "./page";

new Feed(new StatusPage()).start();

import { App } from "./app";
import { wireTools } from "./shell/tools";
import { PageView } from "./ui/page";

const page = new PageView();
const app = new App(page);
wireTools(page, () => app.live);
page.action.addEventListener("click", () => app.retry());
app.start();

/** Who steers and who else is here, with the buttons that hand the wheel on. */
import type { WheelChoice, WheelText } from "../core/wheel";
import { buttons, byId, setHidden, setText } from "./elements";

export class WheelView {
  private readonly choices = byId("wheel");

  constructor(private readonly chosen: (choice: WheelChoice) => void) {}

  show({ title, text, choices }: WheelText): void {
    setHidden(byId("role"), false);
    setText(byId("role-title"), title);
    setText(byId("role-text"), text);
    buttons(this.choices, "small", choices, (choice) => this.chosen(choice));
  }
}

/** The visitor's settings: kept in this browser, changed in a dialog. */
import { bindKey, bindPad } from "./core/settings/bindings";
import {
  type Bindings,
  bindingsOf,
  type PadBinding,
  readSettings,
  type Settings,
  withBindings,
  writeSettings,
} from "./core/settings/settings";
import type { SessionDescription } from "./protocol";
import { store, stored } from "./shell/storage";
import type { Vibration } from "./shell/vibration";
import type { Steering } from "./steering";
import type { PageView } from "./ui/page";
import { type Device, SettingsView } from "./ui/settings";

export class Preferences {
  settings: Settings;
  private readonly view: SettingsView;
  private session: SessionDescription | null = null;
  private choosing: string | null = null;

  constructor(
    private readonly page: PageView,
    private readonly steering: Steering,
    private readonly vibration: Vibration,
  ) {
    const { settings, fault } = readSettings(stored());
    this.settings = settings;
    if (fault !== null)
      page.remark(`Your saved settings can not be read (${fault}): they are not used`);
    this.view = new SettingsView({
      choose: (control, device) => this.choose(control, device),
      cancel: () => this.choose(null, "keys"),
      key: (code) => this.bind((own, name) => bindKey(this.steering.controls, own, name, code)),
      reset: () => this.change(withBindings(this.settings, this.session?.world ?? "", {})),
      vibration: (on) => this.change({ ...this.settings, vibration: on }),
      sensitivity: (of, share) => this.change({ ...this.settings, [of]: share }),
    });
    this.apply();
  }

  announce(session: SessionDescription): void {
    this.session = session;
    this.show();
  }

  open(): void {
    this.steering.letGo();
    this.show();
    this.view.open();
  }

  setVolume(volume: number): void {
    this.change({ ...this.settings, volume });
  }

  private choose(control: string | null, device: Device): void {
    this.choosing = control;
    const waits = control !== null && device === "gamepad";
    this.steering.pads.choose(waits ? (input) => this.chosen(input) : null);
  }

  private chosen(input: PadBinding): void {
    this.steering.pads.choose(null);
    this.bind((own, name) => bindPad(this.steering.controls, own, name, input));
  }

  private bind(next: (own: Bindings, name: string) => Bindings | null): void {
    const [name, world] = [this.choosing, this.session?.world];
    if (name === null || world === undefined) return;
    this.choosing = null;
    const own = next(bindingsOf(this.settings, world), name);
    if (own === null) {
      this.view.say("That one is the page's own");
      this.show();
    } else {
      this.view.say("");
      this.change(withBindings(this.settings, world, own));
    }
  }

  private change(settings: Settings): void {
    this.settings = settings;
    if (!store(writeSettings(settings)))
      this.page.remark("This browser keeps no settings: they last until the page is closed");
    this.apply();
  }

  private apply(): void {
    this.page.showVolume(this.settings.volume);
    this.steering.configure(this.settings);
    this.vibration.enable(this.settings.vibration);
    this.show();
  }

  private show(): void {
    const { title = "", axes = [] } = this.session ?? {};
    this.view.show(title, this.steering.controls, axes.length > 0, this.settings);
  }
}

/** Line icons, 24x24, drawn in the text colour. */

const PATHS = {
  soundOff: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5",
  soundOn: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11",
  share: "M12 15V4M8 7.5 12 3.5l4 4M6 11H5v9h14v-9h-1",
  fullscreen: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5v.01",
  send: "M5 12h13M13 6.5l5.5 5.5-5.5 5.5",
  menu: "M5 7h14M5 12h14M5 17h14",
  fork: "M8 20V4M8 16c7 0 8-4 8-10M12.5 9 16 5.5 19.5 9",
  save: "M12 4v11M8 11.5 12 15.5l4-4M5 16v4h14v-4",
  open: "M12 15.5v-11M8 8.5 12 4.5l4 4M5 16v4h14v-4",
  record: "M12 6a6 6 0 1 0 .01 0z",
  log: "M6 4h12v16H6zM9 8.5h6M9 12h6M9 15.5h4",
  rewind: "M11.5 6.5 5.5 12l6 5.5zM18.5 6.5l-6 5.5 6 5.5z",
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  restart: "M18.5 8A7.5 7.5 0 1 0 19.5 12.5M19 4v4.5h-4.5",
  seed: "M5 5h14v14H5zM9 9v.01M15 9v.01M12 12v.01M9 15v.01M15 15v.01",
  pip: "M4 5h16v14H4zM12.5 12.5H17V16h-4.5z",
  graphs: "M4 4v16h16M7.5 14.5l3.5-4 3 2.5 5-6",
  settings: "M4 7h9M17 7h3M4 12h3M11 12h9M4 17h9M17 17h3M15 5v4M9 10v4M15 15v4",
  window: "M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5",
} as const;

export type Icon = keyof typeof PATHS;

/** Fills `button` with an icon and, where `text` is given, words; `label` names it otherwise. */
export function dress(button: HTMLButtonElement, icon: Icon, label: string, text?: string): void {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[icon]);
  svg.append(path);
  button.replaceChildren(svg, ...(text === undefined ? [] : [text]));
  button.title = label;
  if (text === undefined) button.setAttribute("aria-label", label);
}

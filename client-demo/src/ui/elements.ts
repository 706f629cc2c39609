/** Finding and changing elements of the page; unchanged values cost no layout. */

/** The element with this id. Throws where index.html has none. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no #${id}`);
  return element as E;
}

export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setHidden(element: HTMLElement, hidden: boolean): void {
  if (element.hidden !== hidden) element.hidden = hidden;
}

/** Text, or nothing at all where it is null or empty. */
export function setOptional(element: HTMLElement, text: string | null): void {
  setHidden(element, !text);
  setText(element, text ?? "");
}

/** One button for each choice; those that are there already keep their focus. */
export function buttons<C extends { readonly label: string }>(
  place: HTMLElement,
  className: string,
  choices: readonly C[],
  chosen: (choice: C) => void,
): void {
  setHidden(place, choices.length === 0);
  while (place.children.length > choices.length) place.lastElementChild?.remove();
  choices.forEach((choice, i) => {
    const button = (place.children[i] ?? place.appendChild(plainButton(className))) as HTMLElement;
    setText(button, choice.label);
    button.onclick = () => chosen(choice);
  });
}

function plainButton(className: string): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = className;
  return button;
}

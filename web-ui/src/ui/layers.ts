// What lies above what. The browser stacks modal dialogs in the order in which they were opened; one of them, the
// request to sign in again, has to stay the uppermost also when another opens after it.
let top: HTMLDialogElement | null = null;

/** Opens a dialog as a modal, below the uppermost one where there is one. */
export function openModal(dialog: HTMLDialogElement): void {
  const typing = document.activeElement;
  dialog.showModal();
  if (top && top !== dialog) raise(top, typing);
}

/** Opens a dialog as the uppermost until the returned function closes it. Only that function ends it. */
export function keepOnTop(dialog: HTMLDialogElement): () => void {
  const again = () => {
    if (top === dialog && !dialog.open) dialog.showModal();
  };
  top = dialog;
  dialog.addEventListener("close", again);
  dialog.showModal();
  return () => {
    top = null;
    dialog.removeEventListener("close", again);
    dialog.close();
  };
}

/** Opening anew puts a dialog above all others; the place where a person types stays where it was. */
function raise(dialog: HTMLDialogElement, typing: Element | null): void {
  dialog.close();
  dialog.showModal();
  if (typing instanceof HTMLElement && dialog.contains(typing)) typing.focus();
}

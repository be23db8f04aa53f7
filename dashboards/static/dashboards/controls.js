// Menus that close, a list of models that narrows, and a button that copies.
export function makeControls() {
  const menus = [...document.querySelectorAll(".menu")];
  document.addEventListener("click", (event) => {
    for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const open = menus.find((menu) => menu.open);
    if (event.key !== "Escape" || !open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });

  for (const field of document.querySelectorAll(".narrow")) {
    field.hidden = false;
    field.addEventListener("input", () => narrow(field.form, field.value.trim().toLowerCase()));
  }
  revealCopyButtons();
  document.body.addEventListener("htmx:afterSettle", revealCopyButtons);
  document.body.addEventListener("click", (event) => {
    if (event.target.matches(".copy")) copy(event.target);
  });
}

function narrow(form, wanted) {
  for (const label of form.querySelectorAll(".choices label")) {
    label.hidden = !label.textContent.toLowerCase().includes(wanted);
  }
}

function revealCopyButtons() {
  for (const button of document.querySelectorAll(".copy")) button.hidden = false;
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    // Browsers only give the clipboard to https and localhost: leave the text selected.
    document.getSelection().selectAllChildren(source);
    button.textContent = "Selected: press Ctrl+C";
  }
}

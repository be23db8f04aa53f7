// Fetches the figures again every 30 seconds and puts them in place without a flicker.
const PERIOD_MS = 30_000;

export function keepFresh(afterSwap) {
  const trouble = document.getElementById("refresh-trouble");
  const pause = document.getElementById("pause");
  let asked = Date.now();

  async function refresh() {
    asked = Date.now();
    await htmx.ajax("GET", location.pathname + location.search, { target: "#cards", swap: "outerHTML" });
  }

  function refreshWhenDue() {
    const isPaused = pause.getAttribute("aria-pressed") === "true";
    const isReading = !document.getSelection().isCollapsed; // a swap would drop the selection
    if (isPaused || isReading || document.hidden || Date.now() - asked < PERIOD_MS) return;
    refresh().catch(fail);
  }

  function fail() {
    trouble.textContent = "Could not refresh";
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    const paused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", String(paused));
  });
  setInterval(refreshWhenDue, 1_000);
  document.addEventListener("visibilitychange", refreshWhenDue);

  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout", "htmx:swapError"])
    document.body.addEventListener(name, fail);
  let focused = null;
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    // A proxy's own login page is an answer too, but none of ours.
    const isOurs = event.detail.serverResponse.includes('id="chart-data"');
    if (!isOurs) {
      event.detail.shouldSwap = false;
      fail();
      return;
    }
    focused = document.activeElement.closest("table a")?.getAttribute("href");
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "cards") return; // one of the four parts, all in place by now
    trouble.textContent = "";
    if (focused) document.querySelector(`table a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    focused = null;
    afterSwap();
  });
}

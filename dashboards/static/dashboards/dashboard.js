// Starts what the page has: charts, refresh, and the controls that work without either.
import { makeControls } from "./controls.js";
import { drawCharts, updateCharts } from "./charts.js";
import { keepFresh } from "./refresh.js";

makeControls();

const element = () => document.getElementById("chart-data");
if (element()) {
  const figures = () => JSON.parse(element().textContent);
  const state = figures().state;
  if (state === "figures") drawCharts(figures());
  keepFresh(() => {
    // Another state is another page: the first request arrived, or the range ran empty.
    if (figures().state !== state) location.reload();
    else if (state === "figures") updateCharts(figures());
  });
}

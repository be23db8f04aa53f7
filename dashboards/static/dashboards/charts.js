// Two column charts over one time axis, drawn once and then only given new figures.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const AXIS_WIDTH = 48; // the same on both, so that their columns stand above each other
const LABEL_OVERHANG = 18; // half a label of the last column
const MANY_COLUMNS = 200; // from here on, space between columns only dims them

let charts = [];

export function drawCharts(figures) {
  Chart.defaults.font.family = colour("--font");
  Chart.defaults.font.size = 11;
  charts = [
    draw("tokens-chart", figures, [["Tokens", "tokens", "--tokens"]]),
    draw("requests-chart", figures, [
      ["Succeeded", "succeeded", "--requests"],
      ["Failed", "failed", "--failed"],
    ]),
  ];
  paint();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
}

export function updateCharts(figures) {
  for (const chart of charts) {
    chart.data.labels = figures.labels;
    chart.ticks = figures.ticks;
    for (const dataset of chart.data.datasets) {
      dataset.data = figures[dataset.figure];
      dataset.barPercentage = width(figures);
    }
    chart.update("none");
  }
}

function draw(id, figures, series) {
  const chart = new Chart(document.getElementById(id), {
    type: "bar",
    data: {
      labels: figures.labels,
      datasets: series.map(([label, figure, variable]) => ({
        label,
        figure,
        variable,
        data: figures[figure],
        backgroundColor: colour(variable),
        barPercentage: width(figures),
      })),
    },
    options: options(figures.ticks, id === "requests-chart"),
  });
  chart.ticks = figures.ticks;
  chart.canvas.addEventListener("mouseleave", () => pointAtSameTime(chart, []));
  return chart;
}

function width(figures) {
  return figures.labels.length < MANY_COLUMNS ? 0.88 : 1;
}

function options(firstTicks, withLabels) {
  return {
    animation: false,
    maintainAspectRatio: false,
    layout: { padding: { right: LABEL_OVERHANG } },
    interaction: { mode: "index", intersect: false },
    onHover: (event, active, chart) => pointAtSameTime(chart, active),
    datasets: { bar: { categoryPercentage: 1, maxBarThickness: 48, borderRadius: 1 } },
    plugins: {
      legend: { display: false },
      colors: { enabled: false },
      tooltip: {
        animation: false,
        callbacks: { label: (item) => ` ${item.dataset.label}: ${whole.format(item.raw)}` },
      },
    },
    scales: {
      x: {
        stacked: true,
        grid: { display: false },
        ticks: { display: withLabels, maxRotation: 0, autoSkipPadding: 16 },
        afterFit: (axis) => {
          axis.paddingLeft = axis.paddingRight = 0; // of both charts the same, labels or not
        },
        afterBuildTicks: (axis) => {
          axis.ticks = (axis.chart.ticks ?? firstTicks).map(([value]) => ({ value }));
        },
        afterTickToLabelConversion: (axis) => {
          const texts = new Map(axis.chart.ticks ?? firstTicks);
          for (const tick of axis.ticks) tick.label = texts.get(tick.value);
        },
      },
      y: {
        stacked: true,
        beginAtZero: true,
        border: { display: false },
        ticks: { maxTicksLimit: withLabels ? 4 : 6, precision: 0, callback: (value) => short.format(value) },
        afterFit: (axis) => {
          axis.width = AXIS_WIDTH;
        },
      },
    },
  };
}

function pointAtSameTime(source, active) {
  for (const chart of charts.filter((chart) => chart !== source)) {
    const items = active.length
      ? chart.data.datasets.map((_, datasetIndex) => ({ datasetIndex, index: active[0].index }))
      : [];
    chart.setActiveElements(items);
    chart.tooltip.setActiveElements(items, { x: 0, y: 0 });
    chart.render();
  }
}

function paint() {
  for (const chart of charts) {
    for (const dataset of chart.data.datasets) dataset.backgroundColor = colour(dataset.variable);
    for (const axis of [chart.options.scales.x, chart.options.scales.y]) {
      axis.ticks.color = colour("--text-soft");
      axis.grid.color = colour("--grid");
    }
    chart.options.scales.x.border = { color: colour("--line") };
    chart.update("none");
  }
}

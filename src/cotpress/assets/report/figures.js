"use strict";
// The figures, in the colours of the reader's scheme. On a narrow screen a legend takes the place of the names
// beside the curves.
(() => {
  const { figures, dark } = JSON.parse(document.getElementById("figures").textContent);
  const config = { responsive: true, displaylogo: false, modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]] };
  const narrow = window.matchMedia("(max-width: 640px)");
  const darkness = window.matchMedia("(prefers-color-scheme: dark)");
  const below = { orientation: "h", x: 0, y: -0.2, xanchor: "left", yanchor: "top" };
  const fitted = (id, layout) =>
    narrow.matches && /^(accuracy|ratio)-/.test(id)
      ? { ...layout, annotations: [], showlegend: true, legend: below }
      : layout;
  const recoloured = (value) => {
    if (typeof value === "string") return dark[value] ?? value;
    if (Array.isArray(value)) return value.map(recoloured);
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, recoloured(held)]));
    return value;
  };
  const draw = () => {
    for (const [id, figure] of Object.entries(figures)) {
      const { data, layout } = darkness.matches && !printing ? recoloured(figure) : structuredClone(figure);
      Plotly.react(id, data, fitted(id, layout), config);
    }
  };
  let printing = false;
  narrow.addEventListener("change", draw);
  darkness.addEventListener("change", draw);
  window.addEventListener("beforeprint", () => { printing = true; draw(); });
  window.addEventListener("afterprint", () => { printing = false; draw(); });
  draw();
})();

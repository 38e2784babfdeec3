// Makes pages live. Everything works without it.
"use strict";
(() => {
  const live = document.querySelector("[data-live]");
  if (live && window.EventSource) follow(live);

  document.addEventListener("keydown", (e) => {
    const typing = e.target.closest("input, textarea, select");
    const search = document.getElementById("q");
    if (e.key === "/" && !typing && search && !e.ctrlKey && !e.metaKey && !e.altKey) {
      e.preventDefault();
      search.focus();
    }
  });

  // A decision is sent once, however often its button is pressed.
  for (const form of document.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", (e) => {
      if (form.dataset.sent) e.preventDefault();
      form.dataset.sent = "yes";
    });
  }
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  function follow(live) {
    const source = new EventSource(live.dataset.live);
    let heard = Date.now();
    // Something comes every three seconds; a page that is told nothing must not look as if it knew.
    setInterval(() => { live.hidden = Date.now() - heard < 12000; }, 3000);
    source.onmessage = (m) => {
      heard = Date.now();
      live.hidden = true;
      const now = JSON.parse(m.data);
      if (now.progress) show(now.progress, now.lines || []);
      if (now.state && now.state !== live.dataset.state) {
        source.close();
        location.reload();
      }
    };
    window.addEventListener("pagehide", () => source.close());
  }

  function show(p, lines) {
    const box = document.querySelector("[data-progress]");
    if (!box || !p.run) return;
    const number = new Intl.NumberFormat("en");
    box.querySelector("[data-done]").textContent = number.format(p.done);
    box.querySelector("[data-planned]").textContent = number.format(p.planned);
    box.querySelector("[data-failed]").textContent = p.failed ? ", " + number.format(p.failed) + " not" : "";
    if (p.planned) box.querySelector("progress").value = (100 * (p.done + p.failed)) / p.planned;
    const feed = box.querySelector("[data-feed]");
    for (const line of lines) {
      const item = document.createElement("li");
      item.textContent = line;
      feed.prepend(item);
    }
    while (feed.children.length > 8) feed.lastChild.remove();
  }
})();

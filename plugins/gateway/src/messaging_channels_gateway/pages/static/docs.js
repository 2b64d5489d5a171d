// Shows the document in Swagger UI. Nothing else is loaded, and no key is kept.
"use strict";

const place = document.getElementById("calls");

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  onComplete: name,
});

// What Swagger UI leaves without a name, or at a wrong place among the headings.
function name() {
  for (const one of place.querySelectorAll("h3, h4")) one.setAttribute("aria-level", "2");
  for (const [part, label] of [[".information-container", "About"], [".schemes-server-container", "Server"], [".scheme-container", "Server and key"]]) {
    const one = place.querySelector(part);
    if (!one || one.parentElement.closest("[role=region]")) continue;
    one.setAttribute("role", "region");
    one.setAttribute("aria-label", label);
  }
  const servers = place.querySelector("#servers");
  if (servers) servers.setAttribute("aria-label", "Server");
}

// Keeps the page of the development up to date: fetches it again, adds what is new, and tells how what is there stands now.
"use strict";

const WATCH = 1000;

async function refresh() {
  const answer = await fetch(location.pathname, { headers: { accept: "text/html" }, cache: "no-store" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const list = document.getElementById("messages");
  document.getElementById("note").hidden = page.getElementById("note").hidden;
  let before = null;
  for (const fresh of page.getElementById("messages").children) {
    const there = document.getElementById(fresh.id);
    if (there) {
      const [status, now] = [there.querySelector(".status"), fresh.querySelector(".status")];
      if (status.textContent !== now.textContent) {
        status.textContent = now.textContent;
        status.className = now.className;
      }
      before = there;
    } else if (before) {
      before.after(before = document.importNode(fresh, true));
    } else {
      list.prepend(before = document.importNode(fresh, true));
    }
  }
}

async function watch() {
  try {
    await refresh();
  } catch {
    // the gateway is away: the next round may find it
  } finally {
    setTimeout(watch, WATCH);
  }
}

setTimeout(watch, WATCH);

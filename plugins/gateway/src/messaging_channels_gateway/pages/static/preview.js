// Shows what was sent. Everything is put in as text; mail goes into a frame that may run nothing and fetch nothing.
"use strict";

const list = document.getElementById("messages");
const shown = new Map();
const WATCH = 1000;

function element(name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

function mail(content) {
  const part = element("div");
  part.append(element("strong", "subject", content.subject));
  if (content.html !== undefined) {
    const frame = element("iframe", "html");
    frame.setAttribute("sandbox", "");
    frame.title = "html";
    frame.srcdoc = '<meta http-equiv="content-security-policy" content="default-src \'none\'; style-src \'unsafe-inline\'; img-src data:">' + content.html;
    part.append(frame);
  }
  if (content.text !== undefined) part.append(element("pre", "text", content.text));
  return part;
}

function bubble(content) {
  const lines = [content.text];
  if (content.template) lines.push("template " + content.template, content.parameters);
  if (content.media) lines.push(content.media);
  return element("div", "said", lines.filter(Boolean).join("\n"));
}

function card(message) {
  const made = element("li", "message " + message.channel);
  made.id = "m" + message.messageId;
  made.append(message.channel === "email" ? mail(message.content) : bubble(message.content));
  const about = element("div", "about");
  about.append(element("span", "channel", message.channel), element("span", "to", message.destination));
  about.append(element("span", "status"), element("span", "tenant", message.tenant), element("code", "", message.messageId));
  made.append(about);
  return made;
}

function restate(made, status) {
  const told = made.querySelector(".status");
  if (told.textContent === status.name) return;
  told.textContent = status.name;
  told.className = "status " + status.groupName.replace(/[^A-Z]/g, "");
}

async function refresh() {
  const answer = await fetch("/preview/messages");
  const { messages } = await answer.json();
  document.getElementById("note").hidden = messages.length > 0;
  for (const message of messages.reverse()) {
    if (!shown.has(message.messageId)) {
      const made = card(message);
      shown.set(message.messageId, made);
      list.prepend(made);
    }
    restate(shown.get(message.messageId), message.status);
  }
}

async function watch() {
  try {
    await refresh();
  } finally {
    setTimeout(watch, WATCH);
  }
}

watch();

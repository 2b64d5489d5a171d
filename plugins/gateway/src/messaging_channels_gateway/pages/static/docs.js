// Shows the document of OpenAPI, and tries its calls. Loads nothing but that document.
"use strict";

let described;

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function resolved(schema) {
  if (!schema) return {};
  return schema.$ref ? resolved(described.components.schemas[schema.$ref.split("/").pop()]) : schema;
}

function example(schema) {
  const told = resolved(schema);
  if (told.examples) return told.examples[0];
  if (told.default !== undefined) return told.default;
  if (told.enum) return told.enum[0];
  const choice = (told.oneOf || told.anyOf || []).find((one) => resolved(one).type || resolved(one).$ref || one.$ref);
  if (told.type === "object" && told.properties) {
    const wanted = new Set(told.required || []);
    for (const one of told.anyOf || []) for (const name of one.required || []) wanted.add(name);
    return Object.fromEntries([...wanted].map((name) => [name, example(told.properties[name])]));
  }
  if (choice) return example(choice);
  return { string: "", integer: 0, number: 0, boolean: false, array: [], object: {} }[told.type] ?? null;
}

function field(parameter) {
  const label = element("label", `${parameter.name} (${parameter.in})`);
  const input = element("input");
  input.name = parameter.name;
  input.value = parameter.required ? (parameter.schema.examples || [""])[0] : "";
  label.append(input);
  return { parameter, label, input };
}

async function tried(path, method, fields, body, result) {
  let url = path;
  const query = new URLSearchParams();
  const headers = {};
  const key = document.getElementById("key").value;
  if (key) headers["x-api-key"] = key;
  for (const { parameter, input } of fields) {
    if (!input.value) continue;
    if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    if (parameter.in === "query") query.set(parameter.name, input.value);
    if (parameter.in === "header") headers[parameter.name] = input.value;
  }
  if (body) headers["content-type"] = "application/json";
  const target = query.size ? `${url}?${query}` : url;
  const answer = await fetch(target, { method, headers, body: body ? body.value : undefined });
  const text = await answer.text();
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // not JSON: shown as it is
  }
  result.textContent = `${answer.status}\n${shown}`;
  result.hidden = false;
}

function call(path, method, operation) {
  const box = element("details");
  const summary = element("summary");
  summary.append(element("b", method.toUpperCase()), element("code", path), document.createTextNode(` ${operation.summary}`));
  box.append(summary);
  box.id = operation.operationId;
  if (operation.description) box.append(element("p", operation.description));
  const fields = operation.parameters.map(field);
  for (const { parameter, label } of fields) {
    const line = element("p");
    line.append(label);
    if (parameter.description) line.append(element("small", parameter.description));
    box.append(line);
  }
  let body;
  if (operation.requestBody) {
    const schema = operation.requestBody.content["application/json"].schema;
    body = element("textarea");
    body.rows = 8;
    body.value = JSON.stringify(example(schema), null, 2);
    box.append(body);
    const told = element("details");
    told.append(element("summary", "schema"), element("pre", JSON.stringify(resolved(schema), null, 2)));
    box.append(told);
  }
  for (const [status, response] of Object.entries(operation.responses)) {
    box.append(element("p", `${status}: ${response.description}`, "about"));
  }
  const result = element("pre", "", "result");
  result.hidden = true;
  if (!Object.keys(operation.responses["200"]?.content || {}).includes("text/event-stream")) {
    const button = element("button", "Try it");
    button.addEventListener("click", () => tried(path, method.toUpperCase(), fields, body, result));
    box.append(button, result);
  }
  return box;
}

function problems() {
  const seen = new Map();
  for (const methods of Object.values(described.paths))
    for (const operation of Object.values(methods))
      for (const [status, response] of Object.entries(operation.responses))
        for (const [, code, title] of response.description.matchAll(/`(\w+)`: ([^;]+)/g)) seen.set(code, [status, title]);
  for (const [code, [status, title]] of [...seen].sort()) {
    const line = element("p");
    line.id = code;
    line.append(element("code", code), document.createTextNode(` ${status}: ${title}`));
    document.getElementById("problems").append(line);
  }
}

async function show() {
  described = await (await fetch("/openapi.json")).json();
  const tags = new Map();
  for (const [path, methods] of Object.entries(described.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!tags.has(tag)) tags.set(tag, []);
      tags.get(tag).push(call(path, method, operation));
    }
  const calls = document.getElementById("calls");
  for (const [tag, boxes] of tags) calls.append(element("h2", tag), ...boxes);
  problems();
}

show();

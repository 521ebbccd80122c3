// SPDX-License-Identifier: Apache-2.0
// What the console does in a browser beside htmx: single keys, the passkey's question, and one guard.
"use strict";

// Trusted Types (W3C). htmx parses what our own server sent, and that is the one sink that is let through: no text
// becomes a script or the address of one, whoever asks.
if (window.trustedTypes) {
  window.trustedTypes.createPolicy("default", { createHTML: (html) => html });
}

const KEYS = "brightline-keys";
const writes = (target) =>
  target.isContentEditable || target.matches("textarea, select, input:not([type=radio]):not([type=checkbox])");
const stops = () => {
  const rows = [...document.querySelectorAll("[data-row]")];
  return rows.length ? rows : [...document.querySelectorAll("[data-stop]")].filter((stop) => stop.checkVisibility());
};

function step(by) {
  const all = stops();
  if (!all.length) return;
  const at = all.findIndex((stop) => stop === document.activeElement || stop.contains(document.activeElement));
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by));
  all[next].focus();
  all[next].scrollIntoView({ block: "nearest" });
}

function act(key) {
  if (key === "j") return step(1);
  if (key === "k") return step(-1);
  if (key === "a") return document.querySelector("input[name^=answer-]")?.focus();
  const found = document.querySelector(`[data-key="${key}"]`);
  if (!found) return undefined;
  if (found.matches("details")) {
    found.open = true;
    return found.querySelector("select, textarea, button")?.focus();
  }
  return found.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape" && writes(event.target)) return void event.target.blur();
  if (writes(event.target) || document.querySelector("dialog[open]")) return;
  if (localStorage.getItem(KEYS) === "off" && event.key !== "?") return;
  if (!"jkacsrq?".includes(event.key) || event.key.length !== 1) return;
  event.preventDefault();
  act(event.key);
});

document.addEventListener("DOMContentLoaded", () => {
  const dialog = document.querySelector("#keys");
  const help = document.querySelector("[data-help]");
  if (dialog && help) {
    help.hidden = false;
    help.addEventListener("click", () => dialog.showModal());
    const on = dialog.querySelector("#keys-on");
    on.checked = localStorage.getItem(KEYS) !== "off";
    on.addEventListener("change", () => localStorage.setItem(KEYS, on.checked ? "on" : "off"));
  }
  const pick = document.querySelector("[data-pick]");
  if (pick) {
    const boxes = () => [...pick.form.querySelectorAll("input[type=checkbox]")];
    const say = () => (pick.textContent = boxes().some((box) => box.checked) ? "Take all off the list" : "Put all on the list");
    pick.hidden = false;
    pick.addEventListener("click", () => {
      const on = !boxes().some((box) => box.checked);
      for (const box of boxes()) box.checked = on;
      say();
    });
    pick.form.addEventListener("change", say);
    say();
  }
  for (const form of document.querySelectorAll("form[data-passkey], form[data-make]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sign(form);
    });
  }
});

// WebAuthn Level 3, section 5.1.8: a passkey is made for a one-time code.
async function made(asked) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(asked));
  return navigator.credentials.create({ publicKey });
}

// Section 5.1.9: the challenge is the digest of the statement that the page shows, or random to come in.
async function signed(asked) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(asked));
  return navigator.credentials.get({ publicKey });
}

async function sign(form) {
  const trouble = form.querySelector("[data-trouble]");
  trouble.hidden = true;
  try {
    const credential = await (form.dataset.make ? made(form.dataset.make) : signed(form.dataset.passkey));
    form.elements.given.value = JSON.stringify(credential.toJSON());
    HTMLFormElement.prototype.submit.call(form);
  } catch (error) {
    trouble.textContent = `The passkey did not do it: ${error.message}`;
    trouble.hidden = false;
  }
}

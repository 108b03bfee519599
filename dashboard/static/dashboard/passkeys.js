"use strict";
// Passkeys: a form with `data-passkey` that is sent without a code has the browser ask for one, and takes its answer along.

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
const base64 = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const named = (keys) => (keys || []).map((key) => ({ ...key, id: bytes(key.id) }));

const WRONG = {
  NotAllowedError: "No passkey was given: it was cancelled, took too long, or there is none for this site on this device.",
  InvalidStateError: "This device has a passkey for your account already.",
  SecurityError: "The browser gives no passkeys to this address.",
};
const NONE = "This browser gives no passkeys here. They need https, or the address localhost.";

async function answered(asked) {
  const options = { ...asked, challenge: bytes(asked.challenge) };
  let given;
  if (asked.user) {
    options.user = { ...asked.user, id: bytes(asked.user.id) };
    options.excludeCredentials = named(asked.excludeCredentials);
    given = await navigator.credentials.create({ publicKey: options });
  } else {
    options.allowCredentials = named(asked.allowCredentials);
    given = await navigator.credentials.get({ publicKey: options });
  }
  const response = {};
  for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature"]) {
    if (given.response[part]) response[part] = base64(given.response[part]);
  }
  return JSON.stringify({ id: given.id, rawId: base64(given.rawId), type: given.type, response });
}

// An answer counts once: who comes back to the page gives another.
window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("[data-passkey] [name=passkey]")) field.value = "";
});

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-passkey]");
  if (!form || form.elements.passkey.value || (form.elements.code && form.elements.code.value.trim())) return;
  event.preventDefault();
  const says = form.querySelector("[data-says]");
  says.hidden = true;
  try {
    if (!window.PublicKeyCredential) throw new Error(NONE);
    form.elements.passkey.value = await answered(JSON.parse(form.dataset.passkey));
    form.requestSubmit(event.submitter);
  } catch (error) {
    says.textContent = WRONG[error.name] || error.message;
    says.hidden = false;
  }
});

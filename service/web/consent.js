// Consent to hand control: given for this use alone, kept in this browser alone, taken back at any time.

const KEY = "hand-control-consent";
const TEXT_VERSION = 1;

export const consent = {
  given() {
    try {
      return JSON.parse(localStorage.getItem(KEY))?.text_version === TEXT_VERSION;
    } catch {
      return false;
    }
  },
  give() {
    const record = { scope: "hand control on this page", text_version: TEXT_VERSION, given_at: new Date().toISOString() };
    localStorage.setItem(KEY, JSON.stringify(record));
  },
  withdraw() {
    localStorage.removeItem(KEY);
  },
};

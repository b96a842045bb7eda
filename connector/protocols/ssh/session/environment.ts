// Which variables of a client go to the target: those that say how to write text, and git's protocol version. Any other
// could change what a command does without standing in it.

const NAMES = new Set(['LANG', 'LANGUAGE', 'TZ', 'COLORTERM', 'NO_COLOR', 'GIT_PROTOCOL']);

export const isAllowedVariable = (name: string): boolean => NAMES.has(name) || /^LC_[A-Z_]{1,30}$/.test(name);

/** `ENOENT` and the like; for whatever carries no code, words that fit in its place. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'it failed';
export const isCode = (error: unknown, code: string): boolean => codeOf(error) === code;

// The environment of programs under test: nothing of the person's own, so that nobody's login is found.

/** What Node compiled once is kept for the next process (vitest.config.ts says where): most of a short one's time. */
export const BARE_ENV: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? '',
  ...(process.env.NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE }),
};

// `npm run soak`: all tests in their long form, with every driver and tool. `npm test` runs the same files with
// the few that find most.

export const SOAK = process.env.SOAK === '1';

/** Requests of one purge under way at a time: they hide the round trip and leave the store's rate to those who record. */
const PARALLEL = 16;

/** Resolves when all are done; the first failure rejects, and nothing new is begun after it. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  let failed = false;
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (const item of waiting) {
        if (failed) return;
        try {
          await work(item);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    }),
  );
}

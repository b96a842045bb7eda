// A process that dies at a write: from then on nothing that it does reaches the table or the store.

import { CatalogueTable } from '../../../functions/catalogue-table/table.ts';
import type { SearchStore } from '../../../functions/search/store/search-store.ts';

export class Killed extends Error {}

export function newMortal() {
  let left = Number.POSITIVE_INFINITY;
  const write = async <T>(work: () => Promise<T>): Promise<T> => {
    if (left <= 0) throw new Killed();
    left--;
    // What it has begun last is done, and it does not hear of it.
    const done = await work();
    if (left === 0) throw new Killed();
    return done;
  };
  class MortalTable extends CatalogueTable {
    override update(input: Parameters<CatalogueTable['update']>[0]) {
      return write(() => super.update(input));
    }
    override putAll(items: Parameters<CatalogueTable['putAll']>[0]) {
      return write(() => super.putAll(items));
    }
    override deleteAll(keys: Parameters<CatalogueTable['deleteAll']>[0]) {
      return write(() => super.deleteAll(keys));
    }
    override delete(key: Parameters<CatalogueTable['delete']>[0], condition: string) {
      return write(() => super.delete(key, condition));
    }
  }
  return {
    Table: MortalTable,
    /** Changes it. */
    wrap(store: SearchStore): void {
      const { create, delete: remove } = store;
      store.create = (place, bytes) => write(() => create(place, bytes));
      store.delete = (place) => write(() => remove(place));
    },
    dieAtWrite: (count: number) => {
      left = count;
    },
    /** Whether it had died. */
    revive(): boolean {
      const died = left <= 0;
      left = Number.POSITIVE_INFINITY;
      return died;
    },
  };
}

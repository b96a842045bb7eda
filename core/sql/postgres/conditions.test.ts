import { loadModule, parseSync } from 'libpg-query';
import { beforeAll, expect, test } from 'vitest';
import { CONFORMING, summarizePostgres } from './postgres.ts';

beforeAll(() => loadModule());

const chooses = (text: string): boolean => {
  const read = summarizePostgres(parseSync, text, CONFORMING);
  if (!read.ok) throw new Error(read.error.message);
  return !read.value.some(({ acts }) => acts.some(({ withoutWhere }) => withoutWhere));
};

test.each([
  'delete from public.a using b where public.a.id = b.id',
  'delete from public.a using b where b.id = public.a.id',
  'delete from d.public.a using b where d.public.a.id = b.id',
  'delete from s.a using r.a where s.a.id = r.a.id',
  'delete from public.a x using public.a y where x.id = y.id',
  'delete from a using b where a.id >= b.id',
  'delete from a using b where a.id is not distinct from b.id',
  'delete from a using "A" where a.id = "A".id',
  'delete from a where id is distinct from id',
  'delete from a using b natural join c where public.a.id = b.id',
  'delete from a where a = (select x from b x limit 1)',
  'delete from a where exists (select from b where b.id = public.a.id)',
  'delete from a where id = any (array[id, 2]) and b = 1',
  'delete from a where current of c',
  'update public.a set x = b.x from b where public.a.id = b.id',
  'update a set x = 1 from b join c using (id) where a.id = b.id',
  'merge into public.a using b on public.a.id = b.id when matched then delete',
])('rows are chosen: %s', (text) => expect(chooses(text)).toBe(true));

test.each([
  'delete from a where id = id',
  'delete from a where a.id = id',
  'delete from public.a where public.a.id = a.id',
  'delete from public.a where id = public.a.id',
  'delete from a where d.public.a.id >= public.a.id',
  'delete from a where id is not distinct from a.id',
  'delete from a where a = a',
  'delete from a where a.* = a.*',
  'delete from "A" where "A".id = id',
  'delete from a using b where b.id = b.id',
  'update a set x = 1 from b where public.b.id = b.id',
])('no row is chosen: %s', (text) => expect(chooses(text)).toBe(false));

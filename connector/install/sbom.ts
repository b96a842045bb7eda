// What the bundled connector is made of, as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/): each package that has
// a file in the bundle, with the version, origin and digest that package-lock.json holds it to.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';

const Lock = z.object({
  version: z.string(),
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      resolved: z.string().optional(),
      integrity: z.string().optional(),
      license: z.string().optional(),
    }),
  ),
});

/** `node_modules/a/node_modules/@b/c/lib/d.js` -> `node_modules/a/node_modules/@b/c`; undefined: the repository's own. */
const packageOf = (input: string): string | undefined =>
  /^(?:.*[\\/])?node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(input)?.[0].replaceAll('\\', '/');

/** `inputs`: files of the bundle, relative to `root`. The same bundle has the same bill. Rejects for a package that is not locked. */
export async function billOfMaterials(root: string, inputs: readonly string[], bundle: string): Promise<object> {
  const lock = Lock.parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')));
  const paths = [...new Set(inputs.flatMap((input) => packageOf(input) ?? []))].sort();
  const digest = createHash('sha256')
    .update(await readFile(bundle))
    .digest('hex');
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        'bom-ref': 'gatehouse-connector',
        type: 'application',
        name: 'gatehouse-connector',
        version: lock.version,
        hashes: [{ alg: 'SHA-256', content: digest }],
        properties: [{ name: 'gatehouse:file', value: basename(bundle) }],
      },
    },
    components: await Promise.all(paths.map((path) => componentOf(root, path, lock))),
  };
}

/** As older packages state theirs, which a lock file leaves out. */
const OldLicenses = z.object({ licenses: z.array(z.object({ type: z.string() })).min(1) });

async function componentOf(root: string, path: string, { packages }: z.infer<typeof Lock>): Promise<object> {
  const locked = packages[path];
  if (locked?.version === undefined) throw new Error(`${path} is in the bundle and not in package-lock.json: npm ci`);
  const { version, integrity } = locked;
  const stated = async () =>
    OldLicenses.safeParse(JSON.parse(await readFile(join(root, path, 'package.json'), 'utf8')));
  const license = locked.license ?? (await stated()).data?.licenses[0]?.type;
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const [algorithm, base64] = integrity?.split('-') ?? [];
  return {
    'bom-ref': path,
    type: 'library',
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    ...(license !== undefined && {
      licenses: [/ (?:OR|AND) /.test(license) ? { expression: license } : { license: { id: license } }],
    }),
    ...(algorithm === 'sha512' &&
      base64 !== undefined && { hashes: [{ alg: 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') }] }),
  };
}

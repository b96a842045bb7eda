// npm run deploy -- --stage NAME [--dry-run] [--remove-connector ID]... [-- what cdk deploy takes]
//
// Looks at everything that a deployment needs, says all that is missing, and then runs `cdk deploy --all`. --dry-run: looks at what can be
// seen without an account, and runs `cdk synth`. Exit code: 1 something is missing, else that of cdk.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connectToAws } from '../deployment/aws.ts';
import { localProblems, missingPrerequisites } from '../deployment/prerequisites.ts';
import { readStage } from '../deployment/stage-file.ts';
import type { Settings } from '../settings.ts';

const ROOT = join(import.meta.dirname, '../..');

function stop(...messages: readonly string[]): never {
  process.stderr.write(messages.map((message) => `deploy: ${message}\n`).join(''));
  process.exit(1);
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        stage: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        'remove-connector': { type: 'string', multiple: true, default: [] },
      },
    });
    return { ...values, positionals };
  } catch (error) {
    return stop(error instanceof Error ? error.message : 'expected --stage NAME');
  }
}

const { stage, 'dry-run': dryRun, 'remove-connector': removed, positionals } = readArguments();
if (stage === undefined) stop('--stage NAME: which file of infra/stages');
let settings: Settings;
try {
  settings = readStage(stage);
} catch (error) {
  stop(error instanceof Error ? error.message : 'the stage cannot be read');
}
const here = { nodeVersion: process.versions.node, root: ROOT };
const missing = dryRun
  ? [...localProblems(settings, here)]
  : await missingPrerequisites(settings, {
      ...{ ...here, removed, connect: (region) => connectToAws(region, process.env) },
      cloudflareEndpoint: process.env.CLOUDFLARE_API_BASE_URL ?? 'https://api.cloudflare.com/client/v4',
    });
if (missing.length > 0) stop(...missing);
const cdk = [join(ROOT, 'node_modules/aws-cdk/bin/cdk'), ...(dryRun ? ['synth', '--quiet'] : ['deploy', '--all'])];
const ran = spawnSync(process.execPath, [...cdk, '-c', `stage=${stage}`, ...positionals], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exit(ran.status ?? 1);

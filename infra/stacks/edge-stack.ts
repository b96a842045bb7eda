// The Worker, uploaded to Cloudflare with the rest.

import { join } from 'node:path';
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { EdgeWorker } from '../edge/edge-worker.ts';
import type { EdgeStackSettings } from '../edge-settings.ts';

interface EdgeStackProps extends StackProps {
  readonly edge: EdgeStackSettings;
  readonly reserve: boolean;
  /** Where the functions answer. */
  readonly functionsUrl: string;
}

const WRANGLER_TOML = join(import.meta.dirname, '../../wrangler.toml');

export class EdgeStack extends Stack {
  constructor(scope: Construct, id: string, { edge, functionsUrl, reserve, ...props }: EdgeStackProps) {
    super(scope, id, props);
    const { domain } = edge;
    const { resource } = new EdgeWorker(this, 'Edge', {
      ...{ edge, reserve },
      wranglerToml: WRANGLER_TOML,
      vars: {
        FUNCTIONS_URL: functionsUrl,
        AWS_REGION: this.region,
        ...(domain && { PUBLIC_URL: `https://${domain.hostname}` }),
      },
    });
    new CfnOutput(this, 'EdgeOutcome', { value: resource.getAttString('Outcome') });
  }
}

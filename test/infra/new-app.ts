import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';

// As the CDK's CLI makes it from cdk.json; without bundling, which synth.test.ts tries.
export const newApp = () =>
  new App({
    analyticsReporting: false,
    context: {
      ...(JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8')) as { context: object }).context,
      'aws:cdk:bundling-stacks': [],
    },
  });

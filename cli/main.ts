#!/usr/bin/env node
// The `gatehouse` command. Has the compiled code of everything behind it kept for the next call,
// which halves the time to start; hence nothing else is imported in front of that.

import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// In the person's own folder: what somebody else may write is not to be run.
const { HOME, XDG_CACHE_HOME } = process.env;
const caches = XDG_CACHE_HOME?.startsWith('/') ? XDG_CACHE_HOME : HOME && join(HOME, '.cache');
if (caches) enableCompileCache(join(caches, 'gatehouse'));
await import('./command-line.ts');

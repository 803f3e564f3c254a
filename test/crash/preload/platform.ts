/**
 * Loaded before the real command line (`node --import`): everything is as users have it but the platform, which is a file
 * (`test/fixtures/file-target.ts`): quick, and it shows what was done to it, by whom, in which order.
 */
import { registerHooks } from 'node:module'

const platform = new URL('../file-platform.ts', import.meta.url).href

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context)
    return resolved.url.endsWith('/src/targets/index.ts') ? { ...resolved, url: platform } : resolved
  },
})

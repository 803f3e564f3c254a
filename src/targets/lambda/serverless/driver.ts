/**
 * What runs in the checkout: the framework makes the template of one stage, gets the zips that were built beside it, and
 * deploys that package. Whatever it would package itself ends the deployment.
 */
export const driverPath = '.trunkline/serverless/deploy.mjs'

/** Beside the configuration: the framework reads paths from there. */
export const packageFolder = '.trunkline-package'

export const driver = `
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

const { FOLDER, STAGE, REGION, COMMAND, CONFIG, PACKAGE, ZIPS } = JSON.parse(process.env.TRUNKLINE_SERVERLESS)
const out = join(PACKAGE, 'out')

function framework(...words) {
  const all = [...words, '--config', CONFIG, '--stage', STAGE, '--region', REGION, '--package', out]
  const { status, signal, error } = spawnSync('/bin/sh', ['-c', COMMAND + ' "$@"', 'sh', ...all], {
    cwd: FOLDER,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error) throw error
  if (status !== 0) process.exit(status ?? (signal ? 1 : 0))
}

framework('package')
const made = existsSync(join(FOLDER, out)) ? readdirSync(join(FOLDER, out)).filter((name) => name.endsWith('.zip')) : []
const ours = new Set(ZIPS.map((zip) => basename(zip)))
const foreign = made.filter((name) => !ours.has(name))
if (foreign.length > 0) {
  console.error('the framework has packaged ' + foreign.join(', ') + ' here, which was not built: a zip for it is missing from the artifact')
  process.exit(1)
}
for (const zip of ZIPS) copyFileSync(join(FOLDER, zip), join(FOLDER, out, basename(zip)))
framework('deploy')
`

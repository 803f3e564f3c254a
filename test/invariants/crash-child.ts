/** Carries out one action and dies by SIGKILL at the given point: `crash-child.ts <place file> <action> <point>`. */
import { readFileSync } from 'node:fs'
import type { BenchPlace } from '../fixtures/world.ts'
import { act, type CrashAction, openMortal } from './crash-world.ts'

const [file = '', action = '', at = ''] = process.argv.slice(2)
const place: BenchPlace = JSON.parse(readFileSync(file, 'utf8')) // Written by `writePlace`.
let point = 0
const controller = await openMortal(place, (name) => {
  if (++point !== Number(at)) return
  console.log(name)
  process.kill(process.pid, 'SIGKILL')
})
await act(controller, action as CrashAction) // Given by crash-runs.ts.

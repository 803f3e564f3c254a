/** What runs before a release exists: prepare, checks, builds. */
import * as z from 'zod'
import type { BuildEnvironment } from '../../model/index.ts'
import { commandSchema, plainValueSchema } from './command.ts'
import { durationSchema } from './duration.ts'
import { esbuildSchema } from './esbuild.ts'
import { variableNameSchema } from './name.ts'
import { patternSchema } from './path.ts'
import { distinct, listOf, mappingOf, mustBe, object } from './shapes.ts'

const buildEnvironmentShape = {
  env: mappingOf(variableNameSchema, plainValueSchema, 'a mapping of variables to values')
    .prefault({})
    .describe(
      'Variables set for the command, besides `PATH`, `HOME`, `TMPDIR` and the locale. Part of the input hash.',
    ),
  passEnv: listOf(variableNameSchema, 'a list of variable names')
    .superRefine(distinct)
    .prefault([])
    .describe('Names of variables handed through from the caller; their values are part of the input hash.'),
}

/** Moves the two keys into the one noun the model has for them. */
const withBuildEnvironment = <Given extends { env: Record<string, string>; passEnv: string[] }>({
  env,
  passEnv,
  ...rest
}: Given) => ({ ...rest, env: { set: env, pass: passEnv } satisfies BuildEnvironment })

const runSchema = commandSchema.describe(
  'The command, run by a shell in a clean directory that holds the inputs and nothing else.',
)
const boundsShape = {
  timeout: durationSchema.prefault('15m').describe('When it is killed and counts as failed.'),
  ...buildEnvironmentShape,
}

const checkObject = object({ run: runSchema, ...boundsShape }).meta({
  id: 'Check',
  title: 'Check',
  description: 'A command that must succeed before a release exists.',
})
const buildObject = object({
  run: runSchema.optional(),
  esbuild: esbuildSchema.optional(),
  ...boundsShape,
}).meta({
  id: 'Build',
  title: 'Build',
  description: 'What makes what the artifact is packed from: a command, a bundle by esbuild, or one after the other.',
})

const withTimeout = <Given extends { timeout: number }>({ timeout, ...rest }: Given) => ({
  ...rest,
  timeoutMs: timeout,
})

export const checkSchema = z
  .union([commandSchema.transform((run) => ({ run })).pipe(checkObject), checkObject], {
    error: mustBe('a command, or a mapping with `run`'),
  })
  .transform(withBuildEnvironment)
  .transform(withTimeout)

export const buildSchema = z
  .union([commandSchema.transform((run): { run?: string | undefined } => ({ run })).pipe(buildObject), buildObject], {
    error: mustBe('a command, or a mapping with `run` or `esbuild`'),
  })
  .transform(withBuildEnvironment)
  .transform(withTimeout)

export const prepareSchema = object(
  {
    run: commandSchema.describe('The command, such as `npm ci`. It sees only `inputs`.'),
    inputs: listOf(patternSchema, 'a list of paths or patterns')
      .min(1, { error: mustBe('a list of at least one path or pattern') })
      .describe('What its result depends on: lockfiles and manifests.'),
    timeout: durationSchema.prefault('15m').describe('When it is killed and counts as failed.'),
    ...buildEnvironmentShape,
  },
  { expected: 'a mapping with `run` and `inputs`: its result is kept by the content of its inputs' },
)
  .meta({
    id: 'Prepare',
    title: 'Prepare',
    description:
      'Installs what checks and builds need, once per content of its inputs. Each build gets a copy of its own.',
  })
  .transform(withBuildEnvironment)
  .transform(withTimeout)

/** Claims: positions of the tree that one rule wants for one reason. Selection weighs them against each other. */
import type { Project, Reason, Service } from '../../model/index.ts'
import type { CommitView, Positions } from './commit-view.ts'
import { everythingBelow, isWithin } from './repository-path.ts'
import type { InputRule } from './selected-input.ts'

export type Claim = {
  positions: Positions
  input: string
  rule: InputRule
  keys?: string[]
  because?: string
}

/** What one inference rule found out about one service. */
export type Inference = {
  claims: Claim[]
  /** What only checks read. */
  checkClaims: Claim[]
  /** Files in the service's folder that its build certainly never reads, but its checks do. */
  checkOnly: Positions
  /** Folders that were claimed whole, so that other rules can look into them. */
  folders: string[]
  notes: Reason[]
}

export type InferenceRule = (service: Service) => Inference

export const nothingInferred: Inference = { claims: [], checkClaims: [], checkOnly: [], folders: [], notes: [] }

export const createClaim = (claim: Claim): Claim => claim

/** One file by its path; nothing where the commit has none. */
export function claimFile(
  view: CommitView,
  path: string,
  why: { rule: InputRule; because?: string; input?: string },
): Claim[] {
  const position = view.find(path)
  return position < 0 ? [] : [createClaim({ positions: [position], input: path, ...why })]
}

/**
 * Claims folders that others depend on. Where such a folder is a service of its own, what that service declares to be
 * no input (its tests, its manifests, what it ignores) is none of its dependents' either; nor is an installed
 * `node_modules` that someone committed by another package.
 */
export function createFolderClaims(view: CommitView, project: Project) {
  const positionsOf = new Map<string, Positions>()
  const services = Object.values(project.services)

  const positionsBelow = (folder: string): Positions => {
    const known = positionsOf.get(folder)
    if (known !== undefined) return known
    const excluded = new Set<number>()
    for (const service of services) {
      if (service.path === null || !isWithin(service.path, folder)) continue
      for (const pattern of [...service.checkInputs, ...service.deployInputs, ...service.ignore]) {
        for (const position of view.match(pattern)) excluded.add(position)
      }
    }
    const positions: number[] = []
    const { start, end } = view.rangeBelow(folder)
    for (let position = start; position < end; position += 1) if (!excluded.has(position)) positions.push(position)
    positionsOf.set(folder, positions)
    return positions
  }
  return (folder: string, why: { rule: InputRule; because?: string }): Claim =>
    createClaim({ positions: positionsBelow(folder), input: everythingBelow(folder), ...why })
}

export type FolderClaims = ReturnType<typeof createFolderClaims>

/** Documents as pages of text: each a pure function of the document and a `Style`, answering lines no wider than it. */
export { renderDiff } from './diff-page.ts'
export { renderDrift } from './drift-page.ts'
export { type ErrorPageOptions, renderError } from './error-page.ts'
export { type LogPageOptions, renderLog } from './log-page.ts'
export { type PlanPageOptions, renderPlan } from './plan-page.ts'
export { renderStatus, type StatusPageOptions } from './status-page.ts'
export { renderWhere } from './where-page.ts'
export { renderWhy } from './why-page.ts'

/** `why <service>`: why a commit rebuilds a service, or does not; and what its inputs are. */
import { short } from '../../../model/index.ts'
import { count, createPen, type Line, paint, type Style, spaced, table } from '../text/index.ts'
import type { WhyDocument } from '../types.ts'
import { reasonLines } from './reasons.ts'

export function renderWhy(why: WhyDocument, style: Style): string[] {
  const pen = createPen(style)
  const isBuilt = why.action === 'build'
  const inputs = why.inputs.map((input): Line[] => [
    [pen.plain(input.input)],
    [pen.dim(input.rule)],
    [pen.dim(count(input.files, 'file'))],
  ])
  return paint(
    [
      spaced(
        pen.strong(why.service),
        isBuilt ? pen.warn('is built') : pen.good('is reused'),
        pen.dim('at commit'),
        pen.accent(short(why.commit)),
      ),
      ...reasonLines(why.reasons, pen, { indent: 2 }),
      [],
      ...table(
        [
          [[pen.dim('input hash')], [pen.plain(short(why.inputHash))]],
          [[pen.dim('artifact')], [pen.plain(why.artifact === null ? 'not built yet' : short(why.artifact))]],
          ...(why.builtFrom === null
            ? []
            : [[[pen.dim(isBuilt ? 'compared with' : 'built from')], [pen.plain(`commit ${short(why.builtFrom)}`)]]]),
        ],
        style,
        { indent: 2 },
      ),
      ...(inputs.length === 0 ? [] : [[], [pen.strong('Inputs')], ...table(inputs, style, { indent: 2 })]),
    ],
    style,
  )
}

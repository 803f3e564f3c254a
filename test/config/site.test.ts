import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse, problemsIn } from './project-text.ts'

const shop = ({
  run = '{ site: { notFound: 404.html, cache: { "assets/**": "max-age=60", "**": no-store } } }',
  artifact = 'bundle: { from: dist }',
  target = 'bucket: shop-sites, distribution: E2EXAMPLE1',
  aws = 'aws: { region: eu-west-1 }',
}) => `project: shop
${aws}
services:
  web:
    path: web
    artifact: { ${artifact} }
    run: ${run}
environments:
  prod:
    target: { site: { ${target} } }
`

describe('static sites in trunkline.yaml', () => {
  it('say with few words what AWS needs to know', () => {
    const parsed = parse(shop({}))
    assert.ok('project' in parsed, JSON.stringify(parsed))
    const target = parsed.project.environments['prod']?.targets['site']
    assert.ok(target?.kind === 'site')
    assert.deepEqual(target.site, {
      ...{ bucket: 'shop-sites', distribution: 'E2EXAMPLE1', prefix: '{service}', records: null, url: null },
      timeoutMs: 900_000,
    })
    assert.deepEqual(parsed.project.services['web']?.run, {
      ...{ kind: 'site', port: null, health: null, index: 'index.html', notFound: '404.html' },
      cache: [
        { pattern: 'assets/**', header: 'max-age=60' },
        { pattern: '**', header: 'no-store' },
      ],
    })
  })

  it('are files, and in a region', () => {
    assert.deepEqual(problemsIn(shop({ run: 'node main.js' })), [
      'WRONG_PLATFORM service `web` runs a command, and environment `prod` runs it on site, which cannot do that',
    ])
    assert.deepEqual(problemsIn(shop({ aws: '' })), [
      'REGION_MISSING environment `prod` is in AWS (site) and has no region',
    ])
  })

  it('are named by what AWS takes', () => {
    const problems = problemsIn(shop({ target: 'bucket: Shop, distribution: "a b", prefix: /a/, url: shop' }))
    assert.equal(problems.length, 4, problems.join('\n'))
  })
})

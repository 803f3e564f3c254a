import assert from 'node:assert/strict'
import { test } from 'node:test'
import { html } from '../src/html.ts'

test('values are escaped, in text and in attributes', () => {
  const name = `<b>"Tom" & 'Jerry'</b>`
  assert.equal(
    html`<i title="${name}">${name}</i>`.text,
    '<i title="&lt;b&gt;&quot;Tom&quot; &amp; &#39;Jerry&#39;&lt;/b&gt;">&lt;b&gt;&quot;Tom&quot; &amp; &#39;Jerry&#39;&lt;/b&gt;</i>',
  )
})

test('what is html already is taken as it is, lists one after the other, nothing as nothing', () => {
  assert.equal(
    html`<ul>${[1, 2].map((each) => html`<li>${each}</li>`)}${null}${false}</ul>`.text,
    '<ul><li>1</li><li>2</li></ul>',
  )
})

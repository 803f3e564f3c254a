/** Answers of backends as bytes: what is read of them, however they are cut, and what is refused. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AnswerParser, MalformedAnswer } from '../../../../src/targets/fleet/router/upstream/answer-parser.ts'

type Read = {
  status: number
  phrase: string
  headers: string[]
  body: string
  trailers: string[] | null
  keepMs: number
  isOver: boolean
}

/** Reads the pieces one after the other, as they would come. */
function read(pieces: readonly string[], { isHead = false, ends = false } = {}): Read {
  const got: Read = { status: 0, phrase: '', headers: [], body: '', trailers: null, keepMs: 0, isOver: false }
  const parser = new AnswerParser()
  parser.expect(
    {
      onHead: (status, phrase, headers) => void Object.assign(got, { status, phrase, headers }),
      onData: (bytes, from, to) => {
        got.body += bytes.toString('latin1', from, to)
        return true
      },
      onEnd: (trailers) => void Object.assign(got, { trailers }),
    },
    isHead,
  )
  for (const piece of pieces) {
    // As the connection's memory: other bytes lie behind those that were read.
    const bytes = Buffer.concat([Buffer.from(piece, 'latin1'), Buffer.from('\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n')])
    parser.read(bytes, piece.length)
  }
  if (ends) parser.end()
  return { ...got, keepMs: parser.keepMs, isOver: parser.isOver }
}

const sized = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Name:\t some value \r\n\r\nhello'
const chunked =
  'HTTP/1.1 201 Made It\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n5;ext="a b"\r\nhello\r\n1\r\n!\r\n0\r\nx-sum: 42\r\nx-other:\r\n\r\n'
const interim = 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n'

describe('an answer', () => {
  test('of a known length ends with it', () => {
    const { status, phrase, headers, body, isOver } = read([sized])
    assert.deepEqual([status, phrase, body, isOver], [200, 'OK', 'hello', true])
    assert.deepEqual(headers, ['Content-Length', '5', 'X-Name', 'some value'])
  })

  test('in chunks ends with its trailers', () => {
    const { status, phrase, body, trailers, isOver } = read([chunked])
    assert.deepEqual([status, phrase, body, isOver], [201, 'Made It', 'hello!', true])
    assert.deepEqual(trailers, ['x-sum', '42', 'x-other', ''])
  })

  test('is the same however its bytes are cut', () => {
    const large = `HTTP/1.1 200 OK\r\nx-large: ${'y'.repeat(5000)}\r\ncontent-length: 6000\r\n\r\n${'z'.repeat(6000)}`
    fc.assert(
      fc.property(
        fc.constantFrom(sized, chunked, interim + sized, interim + chunked, large),
        fc.array(fc.nat({ max: 12_000 }), { maxLength: 30 }),
        (whole, cuts) => {
          const at = [0, ...cuts.filter((cut) => cut < whole.length).sort((left, right) => left - right), whole.length]
          const pieces = at.slice(1).map((end, index) => whole.slice(at[index], end))
          assert.deepEqual(read(pieces), read([whole]))
        },
      ),
    )
    assert.deepEqual(read([...chunked]), read([chunked]))
  })

  test('without a length goes on until the connection ends, and its connection is not kept', () => {
    const text = 'HTTP/1.1 200\r\n\r\nas long as it takes'
    assert.equal(read([text]).isOver, false)
    const { body, isOver, keepMs } = read([text], { ends: true })
    assert.deepEqual([body, isOver, keepMs], ['as long as it takes', true, 0])
    assert.equal(read([sized.slice(0, -1)], { ends: true }).trailers, null, 'half an answer is none')
  })

  test('to HEAD, of 204 and of 304 has no body, whatever its headers say', () => {
    assert.equal(read(['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'], { isHead: true }).isOver, true)
    assert.equal(read(['HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n']).isOver, true)
    assert.equal(read(['HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n']).isOver, true)
  })

  test('tells how long its connection may be kept', () => {
    const kept = (head: string) => read([`${head}\r\ncontent-length: 0\r\n\r\n`]).keepMs
    assert.equal(kept('HTTP/1.1 200 OK'), 1000)
    assert.equal(kept('HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nkeep-alive: timeout=5, max=100'), 4000)
    assert.equal(kept('HTTP/1.1 200 OK\r\nkeep-alive: timeout=1'), 0)
    assert.equal(kept('HTTP/1.1 200 OK\r\nkeep-alive: timeout=100000'), 60_000)
    assert.equal(kept('HTTP/1.1 200 OK\r\nconnection: Close'), 0)
    assert.equal(kept('HTTP/1.1 200 OK\r\nconnection: x-mine, close'), 0)
    assert.equal(kept('HTTP/1.0 200 OK'), 0)
    assert.equal(kept('HTTP/1.0 200 OK\r\nconnection: keep-alive'), 1000)
  })

  test('with more behind it is passed on, and its connection not used again', () => {
    const { body, keepMs } = read([`${sized}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`])
    assert.deepEqual([body, keepMs], ['hello', 0])
  })
})

test('bytes changed anywhere are read as one answer or refused, the same way whole and cut', () => {
  const verdict = (pieces: readonly string[]): unknown => {
    try {
      const got = read(pieces)
      // Whether bytes come behind its end is seen only where they come with it.
      return { ...got, keepMs: null }
    } catch (cause) {
      if (cause instanceof MalformedAnswer) return 'refused'
      throw cause
    }
  }
  fc.assert(
    fc.property(
      fc.constantFrom(sized, chunked, interim + sized, interim + chunked),
      fc.array(
        fc.record({
          at: fc.nat({ max: 250 }),
          gone: fc.nat({ max: 3 }),
          put: fc.constantFrom(
            '',
            '\r',
            '\n',
            '\r\n',
            '\0',
            ' ',
            ':',
            ';',
            '0',
            '1',
            'f',
            ',',
            '\t',
            '\xff',
            'chunked',
          ),
        }),
        { minLength: 1, maxLength: 4 },
      ),
      (whole, edits) => {
        let text = whole
        for (const { at, gone, put } of edits) text = text.slice(0, at) + put + text.slice(at + gone)
        assert.deepEqual(verdict([...text]), verdict([text]))
      },
    ),
    { numRuns: 2000 },
  )
})

describe('refused is an answer', () => {
  const refused: Record<string, string> = {
    'of another protocol': 'SSH-2.0-OpenSSH_9.9\r\n\r\n',
    'of another version': 'HTTP/2.0 200 OK\r\n\r\n',
    'with a status of four digits': 'HTTP/1.1 2000 OK\r\n\r\n',
    'with a status that is none': 'HTTP/1.1 099 OK\r\n\r\n',
    'with a control character in its phrase': 'HTTP/1.1 200 O\0K\r\n\r\n',
    'that upgrades, which nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n',
    'with a space before a colon': 'HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\nhello',
    'with a header without a name': 'HTTP/1.1 200 OK\r\n: x\r\n\r\n',
    'with a line that is no header': 'HTTP/1.1 200 OK\r\nnonsense\r\n\r\n',
    'with a folded header': 'HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n',
    'with a zero byte in a header': 'HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n',
    'with a bare carriage return': 'HTTP/1.1 200 OK\r\nx: a\rcontent-length: 5\r\n\r\n',
    'with a bare line feed': 'HTTP/1.1 200 OK\r\nx: a\ncontent-length: 5\r\n\r\n',
    'with two lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello',
    'with a list of lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\nhello',
    'with a signed length': 'HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello',
    'with a length beyond all numbers': `HTTP/1.1 200 OK\r\ncontent-length: ${'9'.repeat(30)}\r\n\r\n`,
    'with a length and a coding': 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'with a coding nobody knows': 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'with two codings': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'of HTTP/1.0 in chunks': 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'with a chunk of no size': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n0\r\n\r\n',
    'with a chunk of a negative size': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n',
    'with a chunk longer than its size': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n',
    'with a chunk that ends in a line feed': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n',
    'with a size beyond all numbers': `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${'f'.repeat(20)}\r\n`,
    'with a trailer that is none': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nnonsense\r\n\r\n',
    'with headers without end': `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`,
    'with trailers without end': `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${'x: y\r\n'.repeat(30_000)}`,
    'with interim answers without end': interim.repeat(100),
  }
  for (const [what, text] of Object.entries(refused)) {
    test(what, () => {
      assert.throws(() => read([text]), MalformedAnswer)
      assert.throws(() => read([...text]), MalformedAnswer)
    })
  }
})

/** Answers to requests, as data. */
export type Answer = { status: number; headers: Record<string, string | string[]>; body: string | Buffer }

export const jsonAnswer = (value: unknown, status = 200): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: JSON.stringify(value),
})

export const noContent: Answer = { status: 204, headers: {}, body: '' }

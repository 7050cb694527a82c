import http from 'node:http'

export interface Answer {
  status: number
  headers: http.IncomingHttpHeaders
  body: Buffer
  /** From the first byte that was sent to the last that came. */
  ms: number
}

const agent = new http.Agent({ keepAlive: true })

/** A request over a kept connection; lighter than fetch, whose own work would count for the server. */
export function ask(url: string, { method = 'GET', headers = {}, json }: Asked = {}): Promise<Answer> {
  const began = performance.now()
  const typed = json === undefined ? headers : { ...headers, 'content-type': 'application/json' }
  return new Promise((resolve, reject) => {
    const request = http.request(url, { agent, method, headers: typed }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('error', reject)
      answer.on('end', () => {
        const ms = performance.now() - began
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts), ms })
      })
    })
    request.on('error', reject)
    request.end(json === undefined ? undefined : JSON.stringify(json))
  })
}

export interface Asked {
  method?: string
  headers?: Record<string, string>
  json?: object
}

/** One that has to be answered with 200. */
export async function answered(url: string, asked: Asked = {}): Promise<Answer> {
  const answer = await ask(url, asked)
  if (answer.status !== 200)
    throw new Error(`${asked.method ?? 'GET'} ${url}: ${answer.status} ${answer.body.toString()}`)
  return answer
}

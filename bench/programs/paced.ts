/*
 * paced: a client in a process of its own that asks at a fixed rate over kept connections. A request is due at its time
 * whether or not the one before was answered, and its time counts from when it was due: a server that stands still for a
 * while is seen as those see it who come meanwhile. Told by its parent: { url, rate, ms, conditional }.
 */
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Orders {
  url: string
  /** Requests a second. */
  rate: number
  ms: number
  /** Whether the last known tag is sent along. */
  conditional: boolean
}

export interface Told {
  times: number[]
  failures: number
  /** Answers to conditional requests that had news. */
  news: number
}

const agent = new http.Agent({ keepAlive: true })

class Client {
  readonly told: Told = { times: [], failures: 0, news: 0 }
  readonly #orders: Orders
  #tag = ''

  constructor(orders: Orders) {
    this.#orders = orders
  }

  ask(due: number): Promise<void> {
    const { url, conditional } = this.#orders
    const headers = conditional && this.#tag ? { 'if-none-match': this.#tag } : {}
    return new Promise((resolve) => {
      const done = (failed: boolean) => {
        this.told.times.push(performance.now() - due)
        if (failed) this.told.failures++
        resolve()
      }
      const request = http.get(url, { agent, headers }, (answer) => {
        if (answer.statusCode === 200 && conditional) {
          // its body is not what is measured, and reading it would hold up this client
          this.told.news++
          this.#tag = answer.headers.etag ?? ''
          request.removeAllListeners('error').on('error', () => {})
          request.destroy()
          done(false)
          return
        }
        answer.resume().on('end', () => done(answer.statusCode !== (conditional ? 304 : 200)))
      })
      request.on('error', () => done(true))
    })
  }

  async run(): Promise<Told> {
    const { rate, ms } = this.#orders
    await this.ask(performance.now())
    this.told.times.length = 0
    this.told.news = 0
    const began = performance.now()
    const under: Promise<void>[] = []
    for (let due = began; due < began + ms; due += 1000 / rate) {
      const early = due - performance.now()
      if (early > 0) await sleep(early)
      under.push(this.ask(due))
    }
    await Promise.all(under)
    return this.told
  }
}

async function tell(orders: Orders): Promise<void> {
  process.send?.(await new Client(orders).run())
  process.disconnect()
}

process.once('message', (orders: Orders) => void tell(orders))

import fc from 'fast-check'
import t from 'tap'
import { dateInFolders, dateInName, isDay, momentOf, parseDate } from '../../src/services/date.js'
import { extensionOf, formatOf } from '../../src/services/format.js'
import { foldText } from '../../src/services/text.js'
import { titleFromName } from '../../src/services/title.js'

t.test('a date of front matter or meta', async (t) => {
  const cases: [string, string | undefined][] = [
    ['2026-06-09', '2026-06-09'],
    ['2024-02-29', '2024-02-29'],
    ['2026-02-29', undefined],
    ['1900-02-29', undefined],
    ['2000-02-29', '2000-02-29'],
    ['2026-06-31', undefined],
    ['2026-13-01', undefined],
    ['2026-00-10', undefined],
    ['2026-01-00', undefined],
    ['0000-01-01', undefined],
    ['0001-01-01', '0001-01-01'],
    ['9999-12-31', '9999-12-31'],
    ['2026-6-9', undefined],
    ['20260609', undefined],
    ['2026-06-09T14:00', '2026-06-09T14:00:00.000Z'],
    ['2026-06-09t14:00:05Z', '2026-06-09T14:00:05.000Z'],
    ['2026-06-09 14:00:05.9999', '2026-06-09T14:00:05.999Z'],
    ['2026-06-09 \t 14:00', '2026-06-09T14:00:00.000Z'],
    ['2026-06-09T14:00:00.1Z', '2026-06-09T14:00:00.100Z'],
    ['2026-06-09T14:00+02', '2026-06-09T12:00:00.000Z'],
    ['2026-06-09T14:00-0230', '2026-06-09T16:30:00.000Z'],
    ['2026-06-09T00:30+01:00', '2026-06-08T23:30:00.000Z'],
    ['2026-12-31T23:30:00-01:00', '2027-01-01T00:30:00.000Z'],
    ['2026-06-09T24:00', undefined],
    ['2026-06-09T14:60', undefined],
    ['2026-06-09T14:00:60', undefined],
    ['2026-06-09T4:00', undefined],
    ['2026-06-09T14', undefined],
    ['2026-06-09T14:00+2', undefined],
    ['2026-06-09T14:00+24:00', undefined],
    ['2026-06-09T14:00+02:60', undefined],
    ['0001-01-01T00:00+01:00', undefined],
    ['9999-12-31T23:59-01:00', undefined],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['June 9, 2026', undefined],
    ['2026-06-09 and more', undefined],
    ['2026-06-09\n', undefined],
    ['２０２６-06-09', undefined],
    ['', undefined]
  ]
  for (const [text, expected] of cases) t.equal(parseDate(text), expected, JSON.stringify(text))
})

t.test('whatever a date reads as, it reads as itself again', async (t) => {
  fc.assert(
    fc.property(
      fc.date({ noInvalidDate: true, min: new Date(-62135596800000), max: new Date(253402300799999) }),
      (date) => {
        return (
          parseDate(date.toISOString()) === date.toISOString() &&
          parseDate(date.toISOString().slice(0, 10)) !== undefined
        )
      }
    )
  )
  t.pass('for 100 moments')
})

t.test('the calendar is that of Date', async (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 9999 }),
      fc.integer({ min: 0, max: 13 }),
      fc.integer({ min: 0, max: 32 }),
      (y, m, d) => {
        const date = new Date(Date.UTC(y, m - 1, d))
        return (
          isDay(y, m, d) ===
          (date.getUTCFullYear() === y && date.getUTCMonth() === m - 1 && date.getUTCDate() === d)
        )
      }
    )
  )
  t.pass('for 100 triples')
})

t.test('a date in a file name', async (t) => {
  const cases: [string, string | undefined][] = [
    ['2026-06-09-weekly.md', '2026-06-09'],
    ['weekly_2026_06_09.md', '2026-06-09'],
    ['a20260609b.md', '2026-06-09'],
    ['120260609.md', undefined],
    ['202606091.md', undefined],
    ['2026-06-091.md', undefined],
    ['2026-06_09.md', undefined],
    ['2026-06-31-then-2026-07-01.md', '2026-07-01'],
    ['2026-06-09T1400.md', '2026-06-09'],
    ['2026-06-09-2025-01-01.md', '2026-06-09'],
    ['99999999-2026-01-02.md', '2026-01-02'],
    ['report.md', undefined]
  ]
  for (const [name, expected] of cases) t.equal(dateInName(name), expected, name)
})

t.test('a date in the folders above a file', async (t) => {
  const cases: [string, string | undefined][] = [
    ['2026-06-09/x.md', '2026-06-09'],
    ['2026/06/09/x.md', '2026-06-09'],
    ['2026/06/x.md', '2026-06-01'],
    ['2026/06/09/deep/x.md', '2026-06-09'],
    ['2026/06/31/x.md', '2026-06-01'],
    ['2026/13/x.md', undefined],
    ['2025-01-01/2026/06/x.md', '2026-06-01'],
    ['2026/06/2025-01-01/x.md', '2025-01-01'],
    ['a2026-06-09/x.md', undefined],
    ['2026/6/x.md', undefined],
    ['2026/x.md', undefined],
    ['x/2026/06-09/x.md', undefined],
    ['2026-06-09', undefined],
    ['x.md', undefined]
  ]
  for (const [rel, expected] of cases) t.equal(dateInFolders(rel), expected, rel)
})

t.test(
  'a modification time is rounded down, before 1970 too, and kept within four digits of a year',
  async (t) => {
    t.equal(momentOf(1_700_000_000_999_999_999n), '2023-11-14T22:13:20.999Z')
    t.equal(momentOf(0n), '1970-01-01T00:00:00.000Z')
    t.equal(momentOf(-1n), '1969-12-31T23:59:59.999Z')
    t.equal(momentOf(-1_000_000n), '1969-12-31T23:59:59.999Z')
    t.equal(momentOf(10n ** 21n), '9999-12-31T23:59:59.999Z')
    t.equal(momentOf(-(10n ** 21n)), '0001-01-01T00:00:00.000Z')
  }
)

t.test('a name made readable', async (t) => {
  const cases: [string, string][] = [
    ['weekly-audit_report.md', 'Weekly audit report'],
    ['2026-06-09-weekly.md', 'Weekly'],
    ['weekly-20260609.html', 'Weekly'],
    ['2026_06_09_weekly_2026-06-10.md', 'Weekly'],
    ['2026-06-09weekly.md', '2026 06 09weekly'],
    ['weekly2026-06-09.md', 'Weekly2026 06 09'],
    ['2026-06-31-weekly.md', '2026 06 31 weekly'],
    ['2026-06-09.md', '2026-06-09'],
    ['---.md', '---'],
    ['été.md', 'Été'],
    ['1-pager.md', '1 pager'],
    ['no extension', 'No extension'],
    ['archive.tar.md', 'Archive.tar'],
    ['a\u0007b\n c.md', 'Ab c'],
    [' .md', '.md']
  ]
  for (const [name, expected] of cases) t.equal(titleFromName(name), expected, JSON.stringify(name))
})

t.test('an extension tells the format, in any case', async (t) => {
  t.equal(formatOf('a.MD'), 'markdown')
  t.equal(formatOf('a/b.markdown'), 'markdown')
  t.equal(formatOf('a.HtM'), 'html')
  t.equal(formatOf('a.pdf'), 'pdf')
  t.equal(formatOf('a.log'), 'text')
  t.equal(formatOf('constructor'), 'text')
  t.equal(formatOf('a.constructor'), 'text')
  t.equal(extensionOf('.md'), '')
})

t.test('the text of a title', async (t) => {
  const cases: [string, string | undefined][] = [
    ['  a \t\n b  ', 'a b'],
    ['a\u00a0\u3000\u2028b', 'a b'],
    ['a\u0085b', 'a b'],
    ['a \u0000 b', 'a b'],
    ['a\u0000b', 'ab'],
    ['a\u200db', 'a\u200db'],
    ['\ufeffa', '\ufeffa'],
    [' \u200b\u00ad ', undefined],
    ['\u0001', undefined],
    ['', undefined],
    ['\ud800x', '\ufffdx'],
    ['👩‍👩‍👧', '👩‍👩‍👧']
  ]
  for (const [text, expected] of cases) t.equal(foldText(text), expected, escape(text))
})

t.test('a title is cut hard after 300 code points, then trimmed', async (t) => {
  t.equal(foldText('😀'.repeat(301)), '😀'.repeat(300))
  t.equal(foldText(`${'a'.repeat(299)} b`), 'a'.repeat(299))
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 700 }), (text) => {
      const folded = foldText(text)
      return folded === undefined || (Array.from(folded).length <= 300 && foldText(folded) === folded)
    })
  )
})

import type { Compression, StorageReport, StorageSample, StoredTable } from "../../src/core/index.js";
import { formatBytes, formatCount } from "../model/words.js";
import { Growth } from "./Growth.js";

interface StorageProps {
  readonly report: StorageReport | undefined;
  readonly history: readonly StorageSample[];
}

export function Storage({ report, history }: StorageProps) {
  if (!report) return <p className="operations-empty">The server has not told yet.</p>;
  const { databaseBytes, growthBytesPerDay: growth, daysUntilFull: days, disk, cache } = report;
  const used = disk && disk.totalBytes - disk.freeBytes;
  return (
    <>
      <div className="tiles">
        <Tile name="Database" value={formatBytes(databaseBytes)} note={growth === null ? "growth not known yet" : `${growth < 0 ? "−" : "+"}${formatBytes(Math.abs(growth))} a day`} />
        {disk && used !== null && (
          <Tile
            name="Disk"
            value={`${formatBytes(disk.freeBytes)} free`}
            note={days === null ? disk.path : `full in about ${formatCount(days)} days`}
            share={used / disk.totalBytes}
          />
        )}
        {cache && (
          <Tile name="Cache" value={formatBytes(cache.bytes)} note={hitWords(cache.hits, cache.misses)} share={cache.bytes / cache.budgetBytes} />
        )}
      </div>
      {history.length > 1 && <Growth samples={history} />}
      <div className="operations-scroll">
        <table className="operations-table">
          <thead>
            <tr><th>Table</th><th>Rows</th><th>Size</th><th>Chunks</th><th>Compressed</th><th>Ratio</th></tr>
          </thead>
          <tbody>
            {report.tables.map((table) => (
              <TableRow key={table.name} table={table} compression={report.compression.find((each) => each.table === table.name)} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

interface TileProps {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly share?: number;
}

function Tile({ name, value, note, share }: TileProps) {
  return (
    <div className="tile">
      <span className="tile-name">{name}</span>
      <b>{value}</b>
      {share !== undefined && <meter min={0} max={1} high={0.8} value={share}>{Math.round(share * 100)} %</meter>}
      <span className="tile-note" title={note}>{note}</span>
    </div>
  );
}

function hitWords(hits: number, misses: number): string {
  return hits + misses === 0 ? "not used yet" : `${((100 * hits) / (hits + misses)).toFixed(1)} % hits`;
}

interface TableRowProps {
  readonly table: StoredTable;
  readonly compression: Compression | undefined;
}

function TableRow({ table, compression }: TableRowProps) {
  const { name, rows, exact, bytes, isHypertable } = table;
  return (
    <tr>
      <th scope="row">{name}{isHypertable && <span className="tag">hypertable</span>}</th>
      <td title={exact ? undefined : "estimated"}>{exact ? "" : "≈ "}{formatCount(rows)}</td>
      <td>{formatBytes(bytes)}</td>
      <td>{compression ? formatCount(compression.chunks) : "–"}</td>
      <td>{compression && compression.compressedChunks > 0 ? `${compression.compressedChunks}: ${formatBytes(compression.bytesBefore)} → ${formatBytes(compression.bytesAfter)}` : "–"}</td>
      <td>{compression?.ratio == null ? "–" : `${compression.ratio.toFixed(1)}×`}</td>
    </tr>
  );
}

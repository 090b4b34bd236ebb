import { describe, expect, it } from "vitest";
import { Acks } from "../src/core/acks.js";
import { Lead } from "../src/core/lead.js";
import { micros } from "../src/core/index.js";
import type { WireFrame } from "../src/core/messages.js";

function frame(seq: number, dueMs: number, bytes = 100): WireFrame {
  return { epoch: 1, seq, due: dueMs * 1000, span: [micros(seq), micros(seq + 1)], forward: true, ticks: [], candles: [], bytes };
}

function seqs(frames: readonly WireFrame[]): number[] {
  return frames.map(({ seq }) => seq);
}

describe("the lead", () => {
  it("lets frames go when they are due, not before", () => {
    const lead = new Lead();
    [0, 20, 40].forEach((due, seq) => lead.push(frame(seq, due)));
    expect(seqs(lead.release(0))).toEqual([0]);
    expect(seqs(lead.release(19))).toEqual([]);
    expect(seqs(lead.release(1))).toEqual([1]);
    expect(seqs(lead.release(100))).toEqual([2]);
  });

  it("keeps the order in which frames came, whatever their due times", () => {
    const lead = new Lead();
    [50, 10, 20].forEach((due, seq) => lead.push(frame(seq, due)));
    expect(seqs(lead.release(30))).toEqual([]);
    expect(seqs(lead.release(20))).toEqual([0, 1, 2]);
  });

  it("lets everything go at once at full speed, where all is due at 0", () => {
    const lead = new Lead();
    [0, 0, 0].forEach((due, seq) => lead.push(frame(seq, due)));
    expect(seqs(lead.release(0))).toEqual([0, 1, 2]);
  });

  it("falls back to a frame that comes late, and paces what follows", () => {
    const lead = new Lead();
    lead.release(200);
    lead.release(200);
    [100, 120].forEach((due, seq) => lead.push(frame(seq, due)));
    expect(seqs(lead.release(0))).toEqual([0]);
    expect(seqs(lead.release(16))).toEqual([]);
    expect(seqs(lead.release(16))).toEqual([1]);
  });

  it("does not skip ahead after a time without paints", () => {
    const lead = new Lead();
    for (let seq = 0; seq < 100; seq++) lead.push(frame(seq, seq * 100));
    expect(seqs(lead.release(3_600_000))).toEqual([0, 1, 2]);
  });

  it("begins anew when cleared", () => {
    const lead = new Lead();
    lead.push(frame(0, 0));
    lead.release(100);
    lead.clear();
    lead.push(frame(0, 50));
    expect(lead.release(49)).toEqual([]);
    expect(lead.length).toBe(1);
  });
});

describe("acks", () => {
  it("come once per eighth of the window", () => {
    const acks = new Acks(800);
    const acked = [];
    for (let seq = 0; seq <= 30; seq++) {
      acks.used(frame(seq, seq * 10));
      acked.push(acks.take(false)?.seq);
    }
    expect(acked.filter((seq) => seq !== undefined)).toEqual([10, 20, 30]);
  });

  it("come at once when nothing is left to use", () => {
    const acks = new Acks(2_000);
    acks.used(frame(0, 1));
    expect(acks.take(true)?.seq).toBe(0);
    expect(acks.take(true)).toBeUndefined();
  });

  it("come after half a MiB, though no time is due", () => {
    const acks = new Acks(2_000);
    acks.used(frame(0, 0, 500_000));
    expect(acks.take(false)).toBeUndefined();
    acks.used(frame(1, 0, 50_000));
    expect(acks.take(false)?.seq).toBe(1);
  });
});

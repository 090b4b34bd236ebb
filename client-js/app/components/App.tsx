import { useCallback, useState } from "react";
import { CandleView } from "../views/candle-view.js";
import { RibbonView } from "../views/ribbon-view.js";
import { TickTableView } from "../views/tick-table-view.js";
import { Header } from "./Header.js";
import { KeysOverlay } from "./KeysOverlay.js";
import { Notices } from "./Notices.js";
import { OperationsPanel } from "./OperationsPanel.js";
import { Painted } from "./Painted.js";
import { NoSymbols, Prompt } from "./Prompts.js";
import { TokenPrompt } from "./TokenPrompt.js";
import { Transport } from "./Transport.js";
import { useKeyboard } from "./use-keyboard.js";
import { useSession, type SessionProps } from "./use-session.js";
import { WatchStrip } from "./WatchStrip.js";

export function App({ session }: SessionProps) {
  const { symbols, focus, connection, tokenWanted } = useSession(session);
  const [keysShown, setKeysShown] = useState(false);
  const [operationsShown, setOperationsShown] = useState(false);
  const showKeys = useCallback(() => setKeysShown(true), []);
  useKeyboard(session, showKeys);
  const empty = symbols?.length === 0;
  return (
    <div className="app">
      <Header session={session} onShowOperations={() => setOperationsShown(true)} />
      <Notices session={session} />
      {tokenWanted ? (
        <TokenPrompt session={session} />
      ) : empty ? (
        <NoSymbols />
      ) : (
        <main className="stage">
          <WatchStrip session={session} />
          <section className="panel candles" aria-label="Candles">
            <Painted session={session} view={CandleView} className="fill" />
            <Prompt session={session} />
          </section>
          <section className="panel ribbon" aria-label="Ticks as a line">
            <Painted session={session} view={RibbonView} className="fill" />
          </section>
          <section className="panel ticks" aria-label={`Newest ticks of ${focus ?? "nothing"}`}>
            <Painted session={session} view={TickTableView} className="tick-table" />
          </section>
        </main>
      )}
      <Transport session={session} onShowKeys={showKeys} />
      {operationsShown && (
        <OperationsPanel
          operations={session.operations}
          canOperate={connection.state === "open" && connection.welcome.role === "operator"}
          onClose={() => setOperationsShown(false)}
        />
      )}
      {keysShown && <KeysOverlay onClose={() => setKeysShown(false)} />}
    </div>
  );
}

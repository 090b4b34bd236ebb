import { useState, type FormEvent } from "react";
import { useSession, type SessionProps } from "./use-session.js";

/** Instead of the charts while the server wants to know who this is. */
export function TokenPrompt({ session }: SessionProps) {
  const { tokenWanted } = useSession(session);
  const [token, setToken] = useState("");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    session.giveToken(token);
    setToken("");
  };
  return (
    <main className="empty">
      <h1>Who are you?</h1>
      <p>This server wants an API key or a token. It is kept until this tab is closed.</p>
      <form className="token" onSubmit={submit}>
        <input
          type="password" name="token" aria-label="API key or token" autoComplete="off" spellCheck={false} autoFocus
          value={token} onChange={(event) => setToken(event.target.value)}
        />
        <button type="submit" disabled={token.trim() === ""}>Enter</button>
      </form>
      {tokenWanted?.error !== undefined && <p role="alert">{tokenWanted.error}</p>}
    </main>
  );
}

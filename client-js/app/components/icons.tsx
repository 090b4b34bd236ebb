import type { ReactNode } from "react";

function Icon({ children }: { readonly children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      {children}
    </svg>
  );
}

export function PlayIcon() {
  return <Icon><path d="M8 5.2v13.6a.8.8 0 0 0 1.2.7l10.8-6.8a.8.8 0 0 0 0-1.4L9.2 4.5A.8.8 0 0 0 8 5.2z" /></Icon>;
}

export function PauseIcon() {
  return <Icon><path d="M7 4.5h3.2v15H7zM13.8 4.5H17v15h-3.2z" /></Icon>;
}

export function BackIcon() {
  return <Icon><path d="M6 5h2.4v14H6zM19 5.8v12.4a.7.7 0 0 1-1.1.6L9.2 12.6a.7.7 0 0 1 0-1.2l8.7-6.2a.7.7 0 0 1 1.1.6z" /></Icon>;
}

export function AheadIcon() {
  return <Icon><path d="M15.6 5H18v14h-2.4zM5 5.8v12.4a.7.7 0 0 0 1.1.6l8.7-6.2a.7.7 0 0 0 0-1.2L6.1 5.2A.7.7 0 0 0 5 5.8z" /></Icon>;
}

export function TurnIcon() {
  return <Icon><path d="M7.2 4.6v3H19v2.2H7.2v3L3 8.7zM16.8 11.2v3H5v2.2h11.8v3l4.2-4.1z" /></Icon>;
}

export function SearchIcon() {
  return <Icon><path d="M10.5 4a6.5 6.5 0 1 0 4 11.6l4.4 4.4 1.5-1.5-4.4-4.4A6.5 6.5 0 0 0 10.5 4zm0 2.1a4.4 4.4 0 1 1 0 8.8 4.4 4.4 0 0 1 0-8.8z" /></Icon>;
}

export function DatabaseIcon() {
  return <Icon><path d="M12 3c-4.4 0-8 1.5-8 3.4v11.2C4 19.5 7.6 21 12 21s8-1.5 8-3.4V6.4C20 4.5 16.4 3 12 3zm0 2c3.6 0 6 1 6 1.4s-2.4 1.4-6 1.4-6-1-6-1.4S8.4 5 12 5zM6 8.9c1.500.6 3.600.9 6 .9s4.500-.3 6-.9v2.500c0 .4-2.400 1.400-6 1.400s-6-1-6-1.400zm0 5c1.500.6 3.600.9 6 .9s4.500-.3 6-.9v3.700c0 .4-2.400 1.400-6 1.400s-6-1-6-1.400z" /></Icon>;
}

/**
 * A cassette whose reels turn while the tape runs. The reels are elements of their own, because
 * only whole elements are turned without painting.
 */
export function Logo({ turning, reverse }: { readonly turning: boolean; readonly reverse: boolean }) {
  return (
    <span className="logo" data-turning={turning} data-reverse={reverse} aria-hidden="true">
      <svg viewBox="0 0 44 30">
        <rect x="1" y="1" width="42" height="28" rx="5" className="logo-shell" />
        <rect x="6" y="6" width="32" height="13" rx="6.5" className="logo-window" />
        <path d="M11 29l2.6-6h16.8l2.6 6z" className="logo-window" />
      </svg>
      {["left", "right"].map((side) => (
        <svg key={side} className={`reel ${side}`} viewBox="-5 -5 10 10">
          <circle r="4.6" className="logo-shell" />
          <path d="M-.8-3.9h1.6v2.4h-1.6zM-.8 1.5h1.6v2.4h-1.6zM-3.9-.8h2.4v1.6h-2.4zM1.5-.8h2.4v1.6h-2.4z" className="logo-window" />
        </svg>
      ))}
    </span>
  );
}

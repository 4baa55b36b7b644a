"""How the studio's page looks. The surround is a neutral grey, so that colors look as they are."""

STYLE = """
* { box-sizing: border-box }
html { color-scheme: dark }
body { margin: 0; min-height: 100vh; min-height: 100dvh; font: 16px/1.5 system-ui, sans-serif; background: #2e2e2e;
       color: #f2f2f2 }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .75rem; font-weight: 650 }
p { margin: 0 0 .75rem }
small { color: #c4c4c4 }
[hidden] { display: none !important }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.button, button { display: inline-block; font: inherit; font-weight: 600; padding: .65rem 1.2rem; border: 0;
                  border-radius: .6rem; background: #f2f2f2; color: #1c1c1c; cursor: pointer; text-decoration: none;
                  text-align: center }
.button:hover, button:hover { background: #fff }
.quiet { background: none; color: #f2f2f2; box-shadow: inset 0 0 0 1px #7d7d7d; font-weight: 500 }
.quiet:hover { background: #444 }
:focus-visible, #file:focus-visible ~ main label[for=file] { outline: 3px solid #ffd75e; outline-offset: 2px }
#error { position: sticky; top: 0; z-index: 2; margin: 0; padding: .7rem 1.25rem; background: #ffd75e; color: #1c1c1c;
         text-align: center; overflow-wrap: anywhere }

#start { display: grid; place-items: center; min-height: 100vh; min-height: 100dvh; padding: 1.25rem }
#start > div { width: min(44rem, 100%); padding: clamp(2rem, 8vw, 4.5rem) 1.5rem; text-align: center;
               border: 2px dashed #7d7d7d; border-radius: 1.2rem }
#start p { max-width: 32rem; margin-inline: auto }
#start .button { margin: .75rem 0 1rem }
#wait { min-height: 1.5rem; margin-bottom: 0 }
.over #start > div { border-color: #ffd75e; background: #3a3a3a }
.over #work { outline: 3px dashed #ffd75e; outline-offset: -6px }

#work { display: grid; grid-template-columns: minmax(0, 1fr) 19rem; gap: 1.25rem; padding: 1.25rem; max-width: 110rem;
        margin: 0 auto; --tall: calc(100vh - 5.5rem) }
#frame { overflow: auto; max-height: var(--tall); border-radius: .3rem }
#pair { position: relative; margin: 0 auto; width: min(100%, var(--ratio, 1) * var(--tall)); overflow: hidden;
        user-select: none; -webkit-user-select: none; touch-action: pan-y; cursor: ew-resize; --at: 50%; background: #242424 }
#pair img { display: block; width: 100%; height: auto; pointer-events: none }
#pair #after { position: absolute; inset: 0; height: 100%; clip-path: inset(0 0 0 var(--at)) }
.closer #pair { width: var(--closer); cursor: default; touch-action: auto }
#line { position: absolute; inset: 0 auto 0 var(--at); width: 2px; margin-left: -1px; background: #fff;
        box-shadow: 0 0 3px #000a; touch-action: none; cursor: ew-resize }
#line::after { content: "\\2194"; position: absolute; top: calc(50% - 1.25rem); left: -1.25rem; width: 2.5rem;
               height: 2.5rem; border-radius: 50%; background: #fff; color: #1c1c1c; font-size: 1.3rem;
               line-height: 2.4rem; text-align: center; box-shadow: 0 1px 5px #0009 }
#slide:focus-visible ~ #line::after { outline: 3px solid #ffd75e; outline-offset: 2px }
.tag { position: absolute; top: .6rem; padding: .1rem .6rem; border-radius: 1rem; background: #000a; font-size: .8rem;
       pointer-events: none }
#tag-before { left: .6rem }
#tag-after { right: .6rem }
.alone #pair :is(#after, #line, .tag, #slide) { display: none }
.alone #pair { cursor: default }
#caption { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center; padding-top: .6rem }
#caption small { flex: 1 1 9rem; overflow-wrap: anywhere }
#caption button { padding: .3rem .9rem; font-size: .9rem }

#panel { display: flex; flex-direction: column; gap: 1.1rem; padding-bottom: 1rem }
fieldset { border: 0; margin: 0; padding: 0; min-width: 0 }
legend { padding: 0; font-weight: 650; margin-bottom: .35rem }
.switch { display: grid; grid-template-columns: 1fr auto; align-items: center; padding: .5rem 0; cursor: pointer;
          border-top: 1px solid #4a4a4a; gap: 0 .75rem }
.switch small { grid-column: 1; line-height: 1.3; overflow-wrap: anywhere }
.switch input { appearance: none; grid-row: 1; grid-column: 2; width: 2.9rem; height: 1.65rem; margin: 0; cursor: pointer;
                border-radius: 1rem; background: #5c5c5c; position: relative; transition: background .15s }
.switch input::before { content: ""; position: absolute; top: .2rem; left: .2rem; width: 1.25rem; height: 1.25rem;
                        border-radius: 50%; background: #fff; transition: translate .15s }
.switch input:checked { background: #5d9c59 }
.switch input:checked::before { translate: 1.25rem 0 }
.switch input:disabled { opacity: .4; cursor: default }
.switch:has(:disabled) { cursor: default; color: #a8a8a8 }
.setting { display: grid; grid-template-columns: 1fr auto; align-items: center; gap: .1rem .75rem; padding: .3rem 0 }
.setting input { grid-column: 1 / -1; width: 100%; height: 1.6rem; margin: 0; accent-color: #f2f2f2 }
.setting span { font-variant-numeric: tabular-nums; color: #c4c4c4 }
select { font: inherit; padding: .25rem .4rem; border-radius: .4rem; border: 1px solid #7d7d7d; background: #3a3a3a;
         color: inherit }
#doing:empty { margin-top: -1.1rem }
progress { display: block; width: 100%; height: .4rem; margin-bottom: .3rem; accent-color: #f2f2f2 }
#keep { display: grid; grid-template-columns: repeat(3, 1fr); gap: .5rem }
#keep .quiet { padding: .5rem }
#keep button:first-child, #keep small { grid-column: 1 / -1 }

@media (max-width: 52rem) {
  #work { grid-template-columns: minmax(0, 1fr); padding: 0 .75rem .75rem; --tall: 62vh }
  #stage { padding: .75rem 0; background: #2e2e2e }
  #panel { padding: 0 .25rem 2rem }
}
@media (max-width: 52rem) and (min-height: 36rem) {         /* a phone held upright: picture and switches at once */
  #work { --tall: 42vh }
  #stage { position: sticky; top: 0; z-index: 1 }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important } }
"""
